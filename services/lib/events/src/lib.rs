//! NATS JetStream: connection, streams, CloudEvents types, outbox relay, consumer runner.
