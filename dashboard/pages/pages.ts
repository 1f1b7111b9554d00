import type { OpenPage, Page, PageContext } from '../parts/page.ts';
import { openCertificates } from './certificates.ts';
import { openEvents } from './events.ts';
import { openMesh } from './mesh.ts';
import { openPolicy } from './policy.ts';
import { openService } from './service.ts';
import { openTap } from './tap.ts';

/** The pages that the frame leads to, in their order. */
export const PAGES: readonly { readonly name: string; readonly title: string }[] = [
  { name: 'mesh', title: 'Mesh' },
  { name: 'certificates', title: 'Certificates' },
  { name: 'policy', title: 'Policy' },
  { name: 'tap', title: 'Tap' },
  { name: 'events', title: 'Events' },
];

const OPENERS: Readonly<Record<string, OpenPage>> = {
  mesh: openMesh,
  services: openService,
  certificates: openCertificates,
  policy: openPolicy,
  tap: openTap,
  events: openEvents,
};

/** Opens the page by the first part of its path; the mesh for any other. */
export function openPage(name: string, context: PageContext): Page {
  return (OPENERS[name] ?? openMesh)(context);
}
