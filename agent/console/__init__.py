"""The controller's web console: boxes' messages in over MQTT, a fleet out over HTTP.

Guarantees: the MQTT contract is its only way to a box (docs/formats/mqtt-v1.md); what comes from a box is
hostile until `contract` has looked at it. Leaves out the browser's files, which are in `page/`. Installed
with `edgeward[console]`; how to run it: docs/console.md.
"""
