import { STATUS_CODES as OF_NODE } from 'node:http';
import test from 'ava';
import { STATUS_CODES } from '../../../proxy/http/status-codes.ts';

test('reason phrases are those that Node.js has', (t) => {
  t.deepEqual({ ...STATUS_CODES }, { ...OF_NODE } as typeof STATUS_CODES);
});
