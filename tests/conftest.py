"""What all tests share."""

# Before any watcher of a test runs gc.freeze(): Hypothesis's plugin else imports it when the summary is printed, and then finds no
# referrer of trio's random generator, warns, and the warning is an error.
import hypothesis

# How long an example takes, or to find one, is no test's matter on a busy machine: bench/ has limits.
hypothesis.settings.register_profile("hikeshi", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("hikeshi")

pytest_plugins = [
    "fixtures_bed",
    "fixtures_ci",
    "fixtures_postgres",
    "fixtures_prefect",
    "fixtures_ssh",
    "fixtures_power",  # imports the one before
    "fixtures_scene",  # and so does this
    "fixtures_up",
    "fixtures_workers",
    "fixtures_login",  # after those it imports: pytest rewrites a module's asserts before anybody else has loaded it
]
