"""The alerts and the dashboard work with Prometheus, on the metrics that the service exposes."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from daas.monitoring.metrics import Metrics

from ..support.servers import ROOT

DEPLOY = ROOT / "deploy"
DASHBOARD = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
EXPRESSIONS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
ALERTS = (DEPLOY / "prometheus-alerts.yml").read_text()
PAGE = (ROOT / "docs" / "running-in-production.md").read_text()


def promtool(directory: Path, *arguments: str) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is missing: apt-get install prometheus")
    done = subprocess.run(
        ["promtool", *arguments], cwd=directory, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.processes
def test_alerts_fire_when_they_should(tmp_path: Path) -> None:
    for file in (DEPLOY / "prometheus-alerts.yml", Path(__file__).with_name("alerts_test.yml")):
        shutil.copy(file, tmp_path)
    promtool(tmp_path, "check", "rules", "prometheus-alerts.yml")
    promtool(tmp_path, "test", "rules", "alerts_test.yml")


@pytest.mark.slow
@pytest.mark.processes
def test_documented_configuration_of_prometheus_is_valid(tmp_path: Path) -> None:
    shutil.copy(DEPLOY / "prometheus-alerts.yml", tmp_path)
    (tmp_path / "prometheus.yml").write_text(re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[1])
    promtool(tmp_path, "check", "config", "prometheus.yml")


@pytest.mark.slow
@pytest.mark.processes
def test_expressions_of_the_dashboard_are_valid(tmp_path: Path) -> None:
    plain = [each.replace("$__rate_interval", "5m").replace("$job", "daas") for each in EXPRESSIONS]
    rules = [{"record": f"panel:{number}", "expr": each} for number, each in enumerate(plain)]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool(tmp_path, "check", "rules", "rules.yml")


def test_every_alert_has_a_test() -> None:
    tested = (Path(__file__).with_name("alerts_test.yml")).read_text()
    names = re.findall(r"alert: (\w+)", ALERTS)
    assert len(names) == 7
    for name in names:
        assert re.search(rf"alertname: {name}\n +eval_time: \w+\n +exp_alerts: *[&*\n]", tested), name


def test_alerts_and_dashboard_use_exposed_metrics_and_labels() -> None:
    exposed = exposed_labels()
    used = {
        *re.findall(
            r"\bdaas_\w+", " ".join([*EXPRESSIONS, *re.findall(r"expr:(.*?)\n +(?:for|labels):", ALERTS, re.DOTALL)])
        )
    }
    assert used <= {*exposed}
    assert {name.removesuffix("_bucket") for name in used} == {
        re.sub(r"_(bucket|sum|count)$", "", name) for name in exposed if not name.endswith("_created")
    }
    labels = {"instance", "job", *(label for each in exposed.values() for label in each)}
    for text in [*EXPRESSIONS, ALERTS]:
        for by in re.findall(r"by \(([^)]*)\)", text):
            assert {*by.split(", ")} <= labels


def exposed_labels() -> dict[str, set[str]]:
    """Return the names of all samples, each with its labels."""
    metrics = Metrics(8)
    metrics.count("direct/messages/move", 200, "moved", 0.1, body_unsigned=True)
    metrics.count_limited("key")
    metrics.count_delivery("delivered", 0.1)
    metrics.take_connection({})
    families = text_string_to_metric_families(metrics.expose().decode())
    return {sample.name: {*sample.labels} for family in families for sample in family.samples}
