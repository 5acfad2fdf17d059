"""The looks of the page: colours follow the reader's light or dark setting, and it prints."""

MARK = (
    '<svg class="mark" viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">'
    '<path d="M16 4v21M9 27h14M5 9h22M5 9l-3.5 9h7zM27 9l-3.5 9h7z" fill="none" stroke="currentColor" '
    'stroke-width="2" stroke-linecap="round" stroke-linejoin="round"/></svg>'
)

COLOURS = """
:root {
  --page: #f6f7f9; --card: #ffffff; --ink: #14181f; --soft: #5b6472; --line: #e3e6eb; --code: #f0f2f5;
  --pass: #12805c; --pass-soft: #e3f5ee; --fail: #c4322b; --fail-soft: #fdebea;
  --inconclusive: #a86400; --inconclusive-soft: #fff3dc; --shade: #12805c;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0f1318; --card: #171c23; --ink: #e8ebf0; --soft: #98a2b1; --line: #2a313b; --code: #1f262f;
    --pass: #45c99a; --pass-soft: #12332a; --fail: #ff7a72; --fail-soft: #3c1c1b;
    --inconclusive: #f2b44c; --inconclusive-soft: #38290f; --shade: #45c99a;
  }
}
.pass { --tone: var(--pass); --tone-soft: var(--pass-soft); }
.fail { --tone: var(--fail); --tone-soft: var(--fail-soft); }
.inconclusive { --tone: var(--inconclusive); --tone-soft: var(--inconclusive-soft); }
"""

SCATTER = """
.scatter text { fill: var(--soft); font: 12px system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif; }
.scatter text.title { display: inline; font-weight: 560; }
.scatter text.name { fill: var(--ink); font-size: 13px; font-weight: 600; }
.scatter .grid { stroke: var(--line); stroke-width: 1; }
.scatter .front { fill: none; stroke: var(--ink); stroke-width: 1.5; stroke-dasharray: 5 4; opacity: .55; }
.scatter .span, .scatter .cap { stroke: var(--tone, var(--soft)); stroke-width: 2; stroke-linecap: round; }
.scatter .spot { fill: var(--tone, var(--soft)); fill-opacity: .22; stroke: var(--tone, var(--soft)); stroke-width: 2; }
.scatter .leader { stroke: var(--soft); stroke-width: 1; opacity: .6; }
"""

STYLE = (
    f"{COLOURS}{SCATTER}"
    """
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink); -webkit-font-smoothing: antialiased;
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
main { max-width: 1080px; margin: 0 auto; padding: 28px 24px 64px; }
header {
  display: flex; align-items: center; gap: 10px; color: var(--soft); margin-bottom: 18px; flex-wrap: wrap;
}
header .mark { flex: none; }
header .brand { font-weight: 650; color: var(--ink); letter-spacing: -.01em; }
header h1 {
  font-size: 15px; font-weight: 400; margin: 0; padding-left: 12px; border-left: 1px solid var(--line);
}
h2 { font-size: 17px; font-weight: 650; letter-spacing: -.01em; margin: 36px 0 12px; }
p { margin: 8px 0 12px; max-width: 84ch; color: var(--soft); overflow-wrap: anywhere; }
.banner {
  display: flex; gap: 20px; align-items: center; padding: 22px 24px; border-radius: 14px;
  background: var(--card); border: 1px solid var(--line); border-left: 6px solid var(--tone);
  box-shadow: 0 1px 2px rgb(0 0 0 / 4%);
}
.banner .badge { font-size: 16px; padding: 8px 16px; }
.banner strong {
  display: block; font-size: 22px; font-weight: 680; letter-spacing: -.02em; line-height: 1.25;
}
.banner .said { min-width: 0; overflow-wrap: anywhere; }
.banner p { margin: 4px 0 0; }
.badge {
  display: inline-flex; align-items: center; gap: 6px; padding: 3px 10px 3px 8px; border-radius: 999px;
  font-size: 12.5px; font-weight: 620; color: var(--tone); background: var(--tone-soft); white-space: nowrap;
}
.badge i { font-style: normal; font-weight: 800; }
.tiles {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 14px 0 0;
}
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 12px 16px 14px; }
.tile dt { color: var(--soft); font-size: 13px; }
.tile dd {
  margin: 2px 0 0; font-size: 24px; font-weight: 660; letter-spacing: -.02em; color: var(--tone, var(--ink));
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere; line-height: 1.2;
}
.items { list-style: none; margin: 0; padding: 0; display: grid; gap: 10px; }
.items li {
  display: flex; gap: 14px; padding: 14px 18px; background: var(--card); border: 1px solid var(--line);
  border-radius: 12px;
}
.items .sign {
  flex: none; width: 24px; height: 24px; border-radius: 50%; display: grid; place-items: center;
  font-size: 13px; font-weight: 800; color: var(--tone); background: var(--tone-soft); margin-top: 1px;
}
.items div { min-width: 0; }
.items strong { overflow-wrap: anywhere; }
.items p { margin: 2px 0 0; max-width: 104ch; }
.scroll {
  overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  box-shadow: 0 1px 2px rgb(0 0 0 / 4%);
}
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th {
  text-align: left; font-size: 12.5px; font-weight: 560; color: var(--soft); padding: 11px 14px 9px;
  border-bottom: 1px solid var(--line); white-space: nowrap;
}
td {
  padding: 9px 14px; border-bottom: 1px solid var(--line); vertical-align: middle;
  overflow-wrap: break-word;
}
tr:last-child td { border-bottom: 0; }
th.number, td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.title { display: block; font-weight: 600; min-width: 12ch; overflow-wrap: break-word; }
.note { display: block; color: var(--soft); font-size: 12.5px; }
.number .title { min-width: 0; }
code {
  font: 12.5px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; background: var(--code);
  padding: 2px 6px; border-radius: 5px; overflow-wrap: anywhere;
}
.facts {
  margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 6px 18px;
}
.facts div { display: grid; grid-template-columns: 210px 1fr; gap: 16px; padding: 8px 0; }
.facts div + div { border-top: 1px solid var(--line); }
.facts dt { color: var(--soft); overflow-wrap: anywhere; }
.facts dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
details { margin-top: 12px; }
summary { cursor: pointer; font-weight: 600; padding: 6px 2px; }
details .facts { margin-top: 6px; }
pre {
  margin: 0; padding: 14px 18px; background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  overflow-x: auto;
}
pre code { background: none; padding: 0; overflow-wrap: normal; }
figure.scatter {
  margin: 0; padding: 10px 14px; background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  overflow-x: auto;
}
figure.scatter svg { display: block; width: 100%; min-width: 560px; height: auto; }
.picture { display: block; overflow: visible; }
.picture .allowed { fill: var(--shade); opacity: .13; }
.picture .axis { stroke: var(--line); stroke-width: 1.5; }
.picture .zero { stroke: var(--soft); stroke-width: 1; opacity: .5; }
.picture .bound { stroke: var(--ink); stroke-width: 1.5; stroke-dasharray: 3 3; }
.picture .bound-label { fill: var(--soft); font-size: 11px; font-variant-numeric: tabular-nums; }
.picture .span { stroke: var(--tone); stroke-width: 4; stroke-linecap: round; }
.picture .cap { stroke: var(--tone); stroke-width: 2; stroke-linecap: round; }
.picture .point { fill: var(--card); stroke: var(--tone); stroke-width: 2.5; }
@media (max-width: 640px) {
  main { padding: 18px 14px 48px; }
  .banner { flex-direction: column; align-items: flex-start; gap: 12px; }
  .facts div { grid-template-columns: 1fr; gap: 2px; }
}
@media print {
  body { background: none; }
  .banner, .tile, .scroll, .items li, .facts { box-shadow: none; break-inside: avoid; }
}
"""
)
