import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** `istio.v1.auth.IstioCertificateService/CreateCertificate`. */
export const CREATE_CERTIFICATE_PATH = '/istio.v1.auth.IstioCertificateService/CreateCertificate';

/** `IstioCertificateRequest { string csr = 1; }` and `IstioCertificateResponse { repeated string cert_chain = 1; }`. */
const CSR_FIELD = 1;
const CHAIN_FIELD = 1;

/** The request for a certificate (PEM) in a message; empty when it has none. */
export function readCsr(message: Uint8Array): string {
  const reader = new BinaryReader(message);
  let csr = '';
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === CSR_FIELD && type === WireType.LengthDelimited) csr = reader.string();
    else reader.skip(type);
  }
  return csr;
}

/** An answer with a chain of certificates, each in PEM: the leaf first, the root last. */
export function writeChain(chain: readonly string[]): Buffer {
  const writer = new BinaryWriter();
  for (const certificate of chain)
    writer.tag(CHAIN_FIELD, WireType.LengthDelimited).string(certificate);
  return Buffer.from(writer.finish());
}
