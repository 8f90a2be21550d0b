"""The executor, serving the trial flows instead of ours."""

from flows import serve

if __name__ == "__main__":
    serve.main("prefect_trial", ("trial", "trial-failing"))
