"""How often the gate errs: its verdicts on simulated data whose truth is known, beside other rules."""
