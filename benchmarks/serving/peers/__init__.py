"""Other servers with the same model, each written as its documentation recommends.

They run in an environment of their own (`make serving-peers`) and need nothing of Weighbridge. The path of the MLflow
model is in MODEL, the port in PORT.
"""

MODEL, PORT = "SERVING_BENCHMARK_MODEL", "SERVING_BENCHMARK_PORT"
# What a server may put together into one call of the model.
MOST_TOGETHER = 32
