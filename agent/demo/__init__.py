"""The demo (floor 4): a synthetic camera, the agent, a broker and a watcher on one machine; then the proof.

`place` makes the directory, `child` and `bound` the processes, `broker` and `watcher` the controller's
side, `live` the time of recording, `table` what is shown, `plaintext` and `audit` what is checked after it,
`report` what comes out. `console` and `console_*` are another demo: three boxes and the controller's console
in a browser. Nothing of it runs on a box.
"""
