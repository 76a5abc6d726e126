"""The files for nginx, systemd, Prometheus and Grafana; a package, so that the wheel has them too."""
