// A certificate authority for ztunnel, which takes its certificates from nothing else: one order as JSON in one argument.
import { startIstioCa, type IstioCaOrder } from './service.ts';

const [, , json = ''] = process.argv;
const { port } = await startIstioCa(JSON.parse(json) as IstioCaOrder);
process.stdout.write(`port ${port} is listening\n`);
