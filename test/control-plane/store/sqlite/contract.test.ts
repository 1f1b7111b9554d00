import { registerStoreContract } from '../contract.ts';
import { createSqliteUnderTest } from './sqlite-under-test.ts';

registerStoreContract((t) => createSqliteUnderTest(t));
