"""Metrics of RAGAS as values of answers: some ask a language model that judges, some need none.

Numbers are RAGAS's own. The same model as judge gives numbers that can be compared; another judge, or another version
of RAGAS, gives others.
"""

from evaluation.text.declare import RAG_ONLY, mean_of
from evaluation.text.ragas_run import Part, RagasMetric
from evaluation.text.ragas_tools import tool_calls
from evaluation.text.rows import Scored, TextRows

_ASKED = (Part.QUESTION, Part.ANSWER, Part.PASSAGES)


def ragas_faithfulness(rows: TextRows) -> Scored:
    """Share of the statements of an answer that its passages support, as a judge finds (RAGAS).

    >>> ragas_faithfulness(TextRows.of(["Ahab."], question=["Who lost a leg?"])).problems
    ['the answer was given no passages']
    """
    return RagasMetric("Faithfulness", _ASKED).score(rows)


def ragas_answer_relevancy(rows: TextRows) -> Scored:
    """How near questions that a judge makes up for an answer are to the one that was asked (RAGAS).

    >>> ragas_answer_relevancy(TextRows.of([""], question=["Who lost a leg?"])).problems
    ['the answer is empty']
    """
    parts = (Part.QUESTION, Part.ANSWER)
    return RagasMetric("ResponseRelevancy", parts).score(rows)


def ragas_context_precision(rows: TextRows) -> Scored:
    """How far up those passages are that a judge finds useful for the reference answer (RAGAS).

    >>> ragas_context_precision(TextRows.of(["Ahab."], question=["Who?"], contexts=[["A whale."]])).problems
    ['the case has no reference']
    """
    parts = (Part.QUESTION, Part.REFERENCE, Part.PASSAGES)
    return RagasMetric("LLMContextPrecisionWithReference", parts).score(rows)


def ragas_context_recall(rows: TextRows) -> Scored:
    """Share of the sentences of the reference answer that a judge finds in the passages (RAGAS).

    >>> ragas_context_recall(TextRows.of(["Ahab."], "Captain Ahab.", question=["Who?"])).problems
    ['the answer was given no passages']
    """
    parts = (Part.QUESTION, Part.REFERENCE, Part.PASSAGES)
    return RagasMetric("LLMContextRecall", parts).score(rows)


def ragas_noise_sensitivity(rows: TextRows) -> Scored:
    """Share of the statements of an answer that are wrong and yet come from useful passages, as a judge finds (RAGAS).

    >>> ragas_noise_sensitivity(TextRows.of(["Ahab."], question=["Who?"], contexts=[["A whale."]])).problems
    ['the case has no reference']
    """
    return RagasMetric("NoiseSensitivity", (*_ASKED, Part.REFERENCE)).score(rows)


def ragas_non_llm_context_recall(rows: TextRows) -> Scored:
    """Share of the right passages that one of those given is like, letter by letter; no judge is asked (RAGAS).

    >>> from evaluation.text.config import TextConfig
    >>> settings = TextConfig.model_validate({"ragas": {"contexts": "right"}})
    >>> ragas_non_llm_context_recall(TextRows.of(["Ahab."], right=["A leg."], settings=settings)).problems
    ['the answer was given no passages']
    """
    return RagasMetric("NonLLMContextRecall", (Part.PASSAGES, Part.RIGHT_PASSAGES)).score(rows)


def ragas_non_llm_context_precision(rows: TextRows) -> Scored:
    """How far up those passages are that are like a right one, letter by letter; no judge is asked (RAGAS).

    >>> from evaluation.text.config import TextConfig
    >>> settings = TextConfig.model_validate({"ragas": {"contexts": "right"}})
    >>> rows = TextRows.of(["Ahab."], right=[[]], contexts=[["A whale."]], settings=settings)
    >>> ragas_non_llm_context_precision(rows).problems
    ['the case names no right passage']
    """
    parts = (Part.PASSAGES, Part.RIGHT_PASSAGES)
    return RagasMetric("NonLLMContextPrecisionWithReference", parts).score(rows)


def ragas_string_similarity(rows: TextRows) -> Scored:
    """How alike an answer and its first reference are, letter by letter; no judge is asked (RAGAS).

    >>> ragas_string_similarity(TextRows.of(["Ahab."])).problems
    ['the case has no reference']
    """
    return RagasMetric("NonLLMStringSimilarity", (Part.ANSWER, Part.REFERENCE)).score(rows)


def ragas_tool_call_accuracy(rows: TextRows) -> Scored:
    """How far an agent calls the right tools in the right order with the right arguments (RAGAS).

    An answer is JSON: a list of calls {name, args}, or a message with `tool_calls` as OpenAI writes them. An answer
    without a call that can be read is one that calls nothing, and counts 0 where a call was due.

    >>> from evaluation.text.config import TextConfig
    >>> settings = TextConfig.model_validate({"ragas": {"tool_calls": "right"}})
    >>> ragas_tool_call_accuracy(TextRows.of(["[]"], right=["no JSON"], settings=settings)).problems
    ['the right tool calls cannot be read']
    """
    return tool_calls(rows)


METRICS = (
    *(
        mean_of(scorer, tasks=RAG_ONLY, judged=True)
        for scorer in (ragas_faithfulness, ragas_context_precision, ragas_context_recall)
    ),
    *(
        mean_of(scorer, tasks=RAG_ONLY)
        for scorer in (ragas_non_llm_context_recall, ragas_non_llm_context_precision)
    ),
    mean_of(ragas_noise_sensitivity, tasks=RAG_ONLY, higher_is_better=False, judged=True),
    # A cosine, which may be a little below 0.
    mean_of(ragas_answer_relevancy, range=(-1.0, 1.0), judged=True),
    mean_of(ragas_string_similarity),
    mean_of(ragas_tool_call_accuracy),
)
