/** `grpc`: grpc-js as the control plane has it; `http2`: node:http2 alone; `tls`: no HTTP/2 at all. */
export const FLOOR_KINDS = ['grpc', 'http2', 'tls'] as const;

/** One of them. */
export type FloorKind = (typeof FLOOR_KINDS)[number];

/** What the server is told on standard input; PEM. */
export interface FloorPlan {
  readonly kind: FloorKind;
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
}

/** The only call of the server: a stream of messages both ways. */
export const FLOOR_PATH = '/hauberk.bench.Floor/Stream';
