/** The IP address that a call comes from; grpc-js says `address:port`, IPv6 with or without brackets. */
export function peerAddress(call: { getPeer(): string }): string {
  const peer = call.getPeer();
  return peer.slice(0, peer.lastIndexOf(':')).replace(/^\[|\]$/g, '');
}
