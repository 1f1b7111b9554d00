import { z } from 'zod';
import type { Egress, EgressDestination, EgressPattern } from '../authorization/egress.ts';
import {
  formatNamePattern,
  type NamePattern,
  readNamePattern,
} from '../authorization/name-pattern.ts';
import {
  formatEgressPattern,
  readEgressHost,
  readEgressPattern,
} from '../authorization/egress-pattern.ts';
import { portField } from './fields.ts';

/** A pattern of names, as text. */
const pattern = z.codec(z.string(), z.custom<NamePattern>(), {
  decode(text, context) {
    const reading = readNamePattern(text);
    if (reading.kind === 'pattern') return reading.pattern;
    context.issues.push({ code: 'custom', input: text, message: 'names' });
    return z.NEVER;
  },
  encode: formatNamePattern,
});

/** Patterns of names; at least one. */
export const namesField = z.array(pattern).readonly();

const target = z.codec(z.string(), z.custom<EgressPattern>(), {
  decode(text, context) {
    const read = readEgressPattern(text);
    if (read !== undefined) return read;
    context.issues.push({ code: 'custom', input: text, message: 'egress targets' });
    return z.NEVER;
  },
  encode: formatEgressPattern,
});

const host = z.string().refine((text) => readEgressHost(text) === text, 'a host');
const texts = z.array(z.string()).readonly();
const CLIENT_CERTIFICATE = 'a client certificate of the mesh or of files';

const destination = z.codec(
  z
    .object({
      host,
      port: portField,
      hostname: host,
      caFiles: texts,
      sanHostnames: texts,
      sanUris: texts,
      allowCommonName: z.boolean(),
      clientCertificate: z.enum(['', 'mesh', 'files'], CLIENT_CERTIFICATE),
      certificateFile: z.string(),
      keyFile: z.string(),
      minVersion: z.enum(['1.2', '1.3'], 'TLS 1.2 or 1.3'),
      alpn: texts,
      /** Missing in what an older version saved. */
      replaceHost: z.boolean().default(false),
    })
    .refine(
      ({ clientCertificate: kind, certificateFile, keyFile }) =>
        kind !== 'files' || (certificateFile !== '' && keyFile !== ''),
      CLIENT_CERTIFICATE,
    ),
  z.custom<EgressDestination>(),
  {
    decode({
      caFiles,
      sanHostnames,
      sanUris,
      certificateFile,
      keyFile,
      replaceHost,
      ...rest
    }): EgressDestination {
      const { clientCertificate: kind, ...same } = rest;
      const files = { kind: 'files', certificate: certificateFile, key: keyFile } as const;
      return {
        ...same,
        anchors: caFiles.length === 0 ? { kind: 'system' } : { kind: 'files', paths: caFiles },
        subjectAltNames: { hostnames: sanHostnames, uris: sanUris },
        clientCertificate: kind === '' ? undefined : kind === 'mesh' ? { kind } : files,
        preserveHost: !replaceHost,
      };
    },
    encode({ anchors, subjectAltNames, clientCertificate: shown, preserveHost, ...same }) {
      const [certificateFile, keyFile] =
        shown?.kind === 'files' ? [shown.certificate, shown.key] : ['', ''];
      return {
        ...same,
        caFiles: anchors.kind === 'files' ? anchors.paths : [],
        sanHostnames: subjectAltNames.hostnames,
        sanUris: subjectAltNames.uris,
        clientCertificate: shown?.kind ?? ('' as const),
        certificateFile,
        keyFile,
        replaceHost: !preserveHost,
      };
    },
  },
);

/** What a mesh says about egress targets, as it travels (`hauberk.v1.Egress`) and is saved. */
export const egressField = z.codec(
  z
    .object({
      listed: z.boolean(),
      allowances: z
        .array(z.object({ from: namesField, to: z.array(target).readonly() }))
        .readonly(),
      destinations: z.array(destination).readonly(),
    })
    .refine(({ listed, allowances }) => listed || allowances.length === 0, 'a list that counts'),
  z.custom<Egress>(),
  {
    decode: ({ listed, allowances, destinations }) => ({
      allowances: listed ? allowances : undefined,
      destinations,
    }),
    encode: ({ allowances, destinations }) => ({
      listed: allowances !== undefined,
      allowances: allowances ?? [],
      destinations,
    }),
  },
);
