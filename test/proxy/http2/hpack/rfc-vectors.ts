import type { HeaderField } from '../../../../proxy/http2/hpack/static-table.ts';

/** Header blocks of one connection, one behind the other, and what they mean. */
export interface RfcVector {
  readonly section: string;
  readonly blocks: readonly { readonly hex: string; readonly fields: readonly HeaderField[] }[];
}

const request = (...more: readonly HeaderField[]): HeaderField[] => [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'www.example.com'],
  ...more,
];
const LAST_REQUEST: readonly HeaderField[] = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':path', '/index.html'],
  [':authority', 'www.example.com'],
  ['custom-key', 'custom-value'],
];
const response = (status: string, seconds: string): HeaderField[] => [
  [':status', status],
  ['cache-control', 'private'],
  ['date', `Mon, 21 Oct 2013 20:13:${seconds} GMT`],
  ['location', 'https://www.example.com'],
];
const LAST_RESPONSE: readonly HeaderField[] = [
  ...response('200', '22'),
  ['content-encoding', 'gzip'],
  ['set-cookie', 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'],
];

/** The table of the responses has 256 bytes: the size update that says so. */
const SIZE_256 = '3fe101';

/** RFC 7541 appendix C. */
export const RFC_VECTORS: readonly RfcVector[] = [
  {
    section: 'C.2.1, a literal with indexing',
    blocks: [
      {
        hex: '400a637573746f6d2d6b65790d637573746f6d2d686561646572',
        fields: [['custom-key', 'custom-header']],
      },
    ],
  },
  {
    section: 'C.2.2, a literal without indexing',
    blocks: [{ hex: '040c2f73616d706c652f70617468', fields: [[':path', '/sample/path']] }],
  },
  {
    section: 'C.2.3, a literal never indexed',
    blocks: [{ hex: '100870617373776f726406736563726574', fields: [['password', 'secret']] }],
  },
  {
    section: 'C.2.4, an indexed field',
    blocks: [{ hex: '82', fields: [[':method', 'GET']] }],
  },
  {
    section: 'C.3, requests without Huffman coding',
    blocks: [
      { hex: '828684410f7777772e6578616d706c652e636f6d', fields: request() },
      { hex: '828684be58086e6f2d6361636865', fields: request(['cache-control', 'no-cache']) },
      {
        hex: '828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565',
        fields: LAST_REQUEST,
      },
    ],
  },
  {
    section: 'C.4, requests with Huffman coding',
    blocks: [
      { hex: '828684418cf1e3c2e5f23a6ba0ab90f4ff', fields: request() },
      { hex: '828684be5886a8eb10649cbf', fields: request(['cache-control', 'no-cache']) },
      { hex: '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf', fields: LAST_REQUEST },
    ],
  },
  {
    section: 'C.5, responses without Huffman coding, with evictions',
    blocks: [
      {
        hex: `${SIZE_256}4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d`,
        fields: response('302', '21'),
      },
      { hex: '4803333037c1c0bf', fields: response('307', '21') },
      {
        hex: '88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31',
        fields: LAST_RESPONSE,
      },
    ],
  },
  {
    section: 'C.6, responses with Huffman coding, with evictions',
    blocks: [
      {
        hex: `${SIZE_256}488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3`,
        fields: response('302', '21'),
      },
      { hex: '4883640effc1c0bf', fields: response('307', '21') },
      {
        hex: '88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
        fields: LAST_RESPONSE,
      },
    ],
  },
];
