"""Simulated appliances and homes with ground truth and faults; nothing here imports the hub, the bridge or the models.

`home.SimulatedHome` is the way in; its docstring is a tutorial. `world` holds what is true, `sensor` what an appliance
can see of it, `appliances` how it says so, `publish` how that reaches a broker.

`fleet` is apart from the home: any number of appliances in their vendors' dialects, from `physics` through `sensing`
and `dialects` to messages, with faults on the way and a truth log; `fleet_run` plays it to a broker.

`load` is `restock-sim fleet`: thousands of cheap devices on any broker, and what became of each of their readings.
`hubs` is `restock-sim hubs`: a thousand households at a cloud bridge, judged by the merchant's own books.
What the two have in common stands in `crowd`.
"""
