"""De-identification: masks and mask plans (pure), the face detector and the off-line engine (world).

Guarantees: what leaves this package as a picture is masked, or there is no picture; no embedding, template
or landmark of a face is ever computed or kept. docs/deid.md says what it does not find.
"""
