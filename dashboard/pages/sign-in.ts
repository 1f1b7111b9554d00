import { html, nothing, render, type TemplateResult } from '/lib/lit-html/lit-html.js';
import { signIn } from '../data/api.ts';
import { errorNotice } from '../parts/notice.ts';

/** Uses the code of the link up. The address loses it at once, so that it stays in no history. */
export async function openSignIn(root: HTMLElement): Promise<void> {
  const code = location.hash.slice(1);
  history.replaceState(null, '', '/sign-in');
  render(welcome(html`<p role="status">Signing in …</p>`), root);
  try {
    await signIn(code);
    history.replaceState(null, '', '/mesh');
  } catch (error) {
    render(signedOutTemplate(error), root);
    // What follows would ask for the session, and say less.
    await new Promise(() => {});
  }
}

/** What a browser sees that has not signed in. */
export function signedOutTemplate(error: unknown): TemplateResult {
  return welcome(html`
    ${error === undefined ? nothing : errorNotice(error)}
    <p>
      To sign in, run this where the operator's credential is, and open the link that it prints:
    </p>
    <pre tabindex="0">hauberk dashboard</pre>
    <p>Each link signs in one browser, once, within five minutes.</p>
  `);
}

function welcome(content: TemplateResult): TemplateResult {
  return html`<main class="welcome">
    <h1>Hauberk</h1>
    ${content}
  </main>`;
}
