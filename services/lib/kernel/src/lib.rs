//! What every service process shares: main, configuration, telemetry, health, shutdown, gRPC and HTTP edges.
