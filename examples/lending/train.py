"""Predicts whether a credit-card customer will fail to pay next month."""

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

CATEGORIES = ["education"]


def train(
    features: pd.DataFrame,
    target: pd.Series,
    *,
    seed: int,
    iterations: int = 120,
    learning_rate: float = 0.06,
) -> Pipeline:
    """Fit gradient-boosted trees; categories seen fewer than 100 times, or never, count as one."""
    numbers = [name for name in features.columns if name not in CATEGORIES]
    encode = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=100, sparse_output=False)
    columns = ColumnTransformer([("categories", encode, CATEGORIES), ("numbers", "passthrough", numbers)])
    trees = HistGradientBoostingClassifier(
        max_iter=iterations,
        learning_rate=learning_rate,
        max_leaf_nodes=15,
        min_samples_leaf=40,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )
    return Pipeline([("columns", columns), ("trees", trees)]).fit(features, target)
