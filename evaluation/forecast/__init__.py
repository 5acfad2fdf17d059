"""What a policy will be able to decide on a holdout, told before a model is trained."""
