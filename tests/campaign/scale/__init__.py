"""Many homes on paper: a capacity model from measured costs, and a simulation of when hubs ask (docs/scale.md)."""
