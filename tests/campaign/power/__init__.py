"""Power loss: a simulated disk under the real store, cut at every I/O step, reopened and judged."""
