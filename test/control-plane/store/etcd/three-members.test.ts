import { registerContractIn } from './etcd-under-test.ts';

registerContractIn(3);
