"""Training, evaluation and export of the consumption model; the artefact that ships lies in `artefacts/`."""
