"""What helps people and decides nothing: weakest slices, proxies of sensitive columns, mitigation of bias."""
