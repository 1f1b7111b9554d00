import type { MeshQuestions } from '../../questions/mesh-questions.ts';
import type { AdminHandlers, ForOperators } from './for-operators.ts';

/** What asking sidecars takes. */
export interface QuestionHandlersOptions {
  readonly questions: MeshQuestions;
}

/** The part of `Admin` that sidecars answer; another control plane may ask for its own operators. */
export function createQuestionHandlers(
  { questions }: QuestionHandlersOptions,
  forOperatorsOrSiblings: ForOperators<{ readonly local: boolean }>,
): Pick<AdminHandlers, 'getSidecarState' | 'checkPeers'> {
  return {
    getSidecarState: forOperatorsOrSiblings(async (request) => ({
      state: await questions.state(request),
    })),
    checkPeers: forOperatorsOrSiblings((request) => questions.checkPeers(request)),
  };
}
