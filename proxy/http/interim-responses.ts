/** Interim responses to one request: a 102 every 20 seconds for five hours, and an end for a server that sends nothing else. */
export const MAX_INTERIM_RESPONSES = 1_000;
