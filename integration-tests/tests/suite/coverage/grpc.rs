//! A gRPC caller that knows no message: it sends nothing and looks at the status.

use std::collections::BTreeMap;

use gwm_integration_tests::{Part, Stack};
use gwm_proto::DESCRIPTORS;
use prost::Message;
use prost::bytes::{Buf, BufMut};
use prost_types::FileDescriptorSet;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::MetadataValue;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Status};

/// One RPC.
#[derive(Debug, Clone)]
pub(super) struct Rpc {
    /// `/package.Service/Method`.
    pub(super) path: String,
    pub(super) part: Part,
    streams: bool,
}

/// All RPCs of all services.
pub(super) fn all() -> Vec<Rpc> {
    let set = FileDescriptorSet::decode(DESCRIPTORS).unwrap();
    let mut rpcs = Vec::new();
    for file in &set.file {
        let part = match file.package() {
            "gwm.auth.v1" => Part::Auth,
            "gwm.cache.v1" => Part::CacheUpdater,
            "gwm.jobs.v1" => Part::JobRunner,
            "gwm.console.v1" => Part::VncProxy,
            other => {
                assert!(file.service.is_empty(), "who serves {other}?");
                continue;
            }
        };
        for service in &file.service {
            for method in &service.method {
                let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                rpcs.push(Rpc { path, part, streams: method.server_streaming() });
            }
        }
    }
    rpcs
}

/// The person of a call: assertion and signature.
pub(super) type Person = (Vec<u8>, Vec<u8>);

/// Connections to all services, as one of them or as nobody.
pub(super) struct Caller(BTreeMap<Part, Channel>);

impl Caller {
    pub(super) fn new(stack: &Stack, as_service: Option<&str>) -> Self {
        let read = |name: &str| std::fs::read(stack.tls_file(name)).unwrap();
        let parts = [Part::Auth, Part::CacheUpdater, Part::JobRunner, Part::VncProxy];
        let channels = parts.map(|part| {
            let mut tls = ClientTlsConfig::new()
                .ca_certificate(Certificate::from_pem(read("ca.pem")))
                .domain_name(format!("{}.gwm.internal", part.name()));
            if let Some(name) = as_service {
                let (certificate, key) = (format!("{name}.pem"), format!("{name}.key"));
                tls = tls.identity(Identity::from_pem(read(&certificate), read(&key)));
            }
            let address = format!("https://{}", stack.grpc_address(part, 0));
            let endpoint = Endpoint::from_shared(address).unwrap().tls_config(tls).unwrap();
            (part, endpoint.connect_lazy())
        });
        Self(channels.into())
    }

    /// Calls with an empty message.
    pub(super) async fn call(&self, rpc: &Rpc, person: Option<&Person>) -> Code {
        self.send(rpc, person, Vec::new()).await.err().map_or(Code::Ok, |status| status.code())
    }

    pub(super) async fn send(
        &self,
        rpc: &Rpc,
        person: Option<&Person>,
        message: Vec<u8>,
    ) -> Result<Vec<u8>, Status> {
        let mut request = Request::new(message);
        if let Some((assertion, signature)) = person {
            let metadata = request.metadata_mut();
            metadata.insert_bin("gwm-assertion-bin", MetadataValue::from_bytes(assertion));
            metadata.insert_bin("gwm-signature-bin", MetadataValue::from_bytes(signature));
        }
        let mut client = Grpc::new(self.0[&rpc.part].clone());
        client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let path = rpc.path.parse().unwrap();
        if rpc.streams {
            let answer = client.server_streaming(request, path, Bytes).await?;
            return Ok(answer.into_inner().message().await?.unwrap_or_default());
        }
        Ok(client.unary(request, path, Bytes).await?.into_inner())
    }
}

/// Messages as they are.
#[derive(Debug, Clone, Copy)]
struct Bytes;

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut bytes = vec![0; source.remaining()];
        source.copy_to_slice(&mut bytes);
        Ok(Some(bytes))
    }
}
