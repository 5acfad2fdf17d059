"""`weighbridge compare`: several ways to make a model, asked the same cases that the gate does not weigh on."""
