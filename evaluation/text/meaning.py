"""How near answers are to what they should say, or show, in meaning."""

import numpy as np

from evaluation.embeddings.base import Vectors, embedder
from evaluation.errors import UserError
from evaluation.text.declare import mean_of
from evaluation.text.references import once, pairs
from evaluation.text.rows import Scored, TextRows
from evaluation.text.words import words
from evaluation.types import FloatArray


def semantic_similarity(rows: TextRows) -> Scored:
    """Cosine of the vectors of an answer and its best reference; 0 for a blank answer.

    The vectors are MiniLM's, or those of the embeddings that `texts.embeddings` names; models differ in what
    counts as near, so that values of two of them are not compared. Source: Reimers and Gurevych 2019,
    "Sentence-BERT".

    >>> rows = TextRows.of(["a red mug", "tax law"], "a crimson cup", "a crimson cup")
    >>> (semantic_similarity(rows).values > 0.5).tolist()
    [True, False]
    """
    found = pairs(rows, words)
    answers = vectors(rows, [rows.answers[row] for row in found.owner])
    references = vectors(rows, [text for several in rows.references for text in several])
    if answers.shape[1] != references.shape[1]:
        return found.best(np.zeros(len(found.owner)))
    return found.best(_cosines(answers, references))


def vectors(rows: TextRows, texts: list[str]) -> Vectors:
    """The vectors of texts by what the policy names, (n, dimensions), each text embedded once for these rows."""
    known: dict[str, Vectors] = once(rows, f"vectors by {rows.settings.embeddings}", dict)
    new = [text for text in dict.fromkeys(texts) if text not in known]
    known.update(zip(new, embedder(rows.settings.embeddings, rows.settings.folder).embed(new), strict=True))
    if not texts:
        return np.zeros((0, 1), dtype=np.float32)
    return np.stack([known[text] for text in texts])


def image_text_agreement(rows: TextRows) -> Scored:
    """Cosine of a CLIP model's vectors of an answer and of the case's picture.

    The column `texts.image` names the picture files, the folder `texts.clip` holds the model. Source: Radford et
    al. 2021, "Learning transferable visual models from natural language supervision"; Hessel et al. 2021,
    "CLIPScore".

    >>> image_text_agreement(TextRows.of(["a red mug"]))
    Traceback (most recent call last):
    evaluation.errors.UserError: image_text_agreement needs texts.clip and texts.image
      expected: the folder of a CLIP model, and the column with the cases' picture files
      next: set texts.clip and texts.image in weighbridge.yaml
    """
    from evaluation.embeddings.clip import Clip

    if rows.settings.clip is None or rows.settings.image is None:
        raise UserError(
            "image_text_agreement needs texts.clip and texts.image",
            expected="the folder of a CLIP model, and the column with the cases' picture files",
            next_step="set texts.clip and texts.image in weighbridge.yaml",
        )
    model = Clip.of(rows.settings.clip)
    named = rows.column(rows.settings.image)
    paths = [None if name is None else str(rows.settings.folder / str(name)) for name in named]
    pictures, problems = model.embed_pictures(paths)
    cosines = _cosines(model.embed(rows.answers), pictures)
    return Scored(np.where([problem is None for problem in problems], cosines, np.nan), problems)


def _cosines(one: Vectors, other: Vectors) -> FloatArray:
    # Lengths are 1 but for the last digit, which must not lead out of the range.
    return np.asarray(np.clip(np.einsum("nd,nd->n", one.astype(np.float64), other), -1.0, 1.0))


METRICS = (
    mean_of(semantic_similarity, range=(-1.0, 1.0)),
    mean_of(image_text_agreement, range=(-1.0, 1.0)),
)
