"""Tables, figures and the page of `metaclr diagnose`: pure functions of what was measured."""
