/** Why the example could not be run; the message is for the person who runs it. */
export class LabError extends Error {}
