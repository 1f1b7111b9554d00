/** `hauberk.js` of the npm package, whose parts are files beside it. */
import { choosePart } from './choose-part.ts';

const part: string = `./lib/${choosePart(process.argv)}.js`;
await import(part);
