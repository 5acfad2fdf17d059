"""Acts on a model: data, training, registry, decision records, serving, rollout and the command line."""
