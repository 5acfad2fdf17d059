"""Predicts before departure whether a flight will arrive more than 15 minutes late."""

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

CATEGORIES = ["carrier", "origin", "dest"]


def train(
    features: pd.DataFrame, target: pd.Series, *, seed: int, iterations: int = 80, learning_rate: float = 0.06
) -> Pipeline:
    """Fit gradient-boosted trees; categories seen fewer than 100 times, or never, count as one."""
    numbers = [name for name in features.columns if name not in CATEGORIES]
    encode = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=100, sparse_output=False)
    columns = ColumnTransformer([("categories", encode, CATEGORIES), ("numbers", "passthrough", numbers)])
    # Flights of one hour share their weather; small trees and large leaves can't learn single days by heart.
    trees = HistGradientBoostingClassifier(
        max_iter=iterations,
        learning_rate=learning_rate,
        max_leaf_nodes=8,
        min_samples_leaf=200,
        l2_regularization=5.0,
        early_stopping=False,
        random_state=seed,
    )
    return Pipeline([("columns", columns), ("trees", trees)]).fit(features, target)
