"""The measurements of `make bench`: what the agent costs against `ffmpeg -c copy`, and where it goes."""
