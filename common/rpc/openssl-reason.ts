// THREAD:error:CODE:LIBRARY:FUNCTION:REASON:FILE:LINE:DATA, as OpenSSL prints an error.
const PRINTED =
  /[0-9A-F]+:error:[0-9A-F]+:[^:]*:[^:]*:([^:]*):[^:]*:\d+:(?:SSL alert number \d+)?\s*/g;

/** The message with only the reasons of OpenSSL's errors: `wrong version number`, without where OpenSSL found it. */
export function openSslReason(message: string): string {
  return message.replace(PRINTED, '$1').trim();
}
