// Loaded before each file of tests: plaintext connections in its process are carried as HAUBERK_PLAINTEXT_IO says, or as
// an installation does.
import { systemClock } from '../../common/clock.ts';
import { choosePlaintextIo, chosenHandles } from '../../proxy/stream/handles/choose-handles.ts';

const isDocumented = process.env['HAUBERK_PLAINTEXT_IO'] === 'documented';
const logger = { warn: console.warn };
await choosePlaintextIo(isDocumented ? 'documented' : 'auto', { clock: systemClock, logger });
if (!isDocumented && chosenHandles() === undefined) throw new Error('the handles were not chosen');
