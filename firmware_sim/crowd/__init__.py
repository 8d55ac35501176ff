"""What the commands share that simulate many of one kind in one process, whatever they are.

`arguments` and `chance` make a plan of one seed, `process` tells what this process may take, `delays` counts durations,
`notices` keeps what a person must know, `truth` is a log that outlives a full disk, `charts` draws the result's page.
`firmware_sim.load` is the fleet of devices, `firmware_sim.hubs` the households at a bridge.
"""
