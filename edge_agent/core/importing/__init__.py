"""What devices announce about themselves, to profiles: four kinds of announcements in, device parts and refusals out.

`import_ha`, `import_z2m`, `import_sparkplug` and `import_matter` each read one kind and never raise. `assemble` puts a
device and an overlay together: the overlay says what is used up and which way it goes, which no announcement does.
"""
