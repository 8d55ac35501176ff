"""Simulated appliances and homes with ground truth and faults; nothing here imports the hub, the bridge or the models.

`home.SimulatedHome` is the way in; its docstring is a tutorial. `world` holds what is true, `sensor` what an appliance
can see of it, `appliances` how it says so, `publish` how that reaches a broker.
"""
