import type { ServerResponse } from 'node:http';
import type { Look } from '../../traffic/traffic.ts';
import type { EventStream } from './event-stream.ts';
import type { Feed } from './feed.ts';

/** A browser that looks. */
export interface Follower {
  readonly tell: (json: string) => void;
  /** False while the browser does not keep up. */
  readonly isReady: () => boolean;
  /** What the browser has asked for. */
  readonly question: Readonly<Record<string, string>>;
  /** Where it is, for the log. */
  readonly origin: string;
}

/** Something that can be followed. Throws what is wrong with the question. */
export type Topic = (follower: Follower) => Look;

/** A feed as a topic: the same for all. */
export function feedTopic(feed: Feed): Topic {
  return ({ tell }) => ({ close: feed.follow(tell) });
}

/** What a browser may follow, by its name. */
export interface Live {
  /** Begins to follow `topics=mesh,events`; what it returns opens the stream. Throws what is wrong with the question. */
  follow(question: Readonly<Record<string, string>>, origin: string, open: OpenStream): void;
}

/** Opens the stream to the browser, and the response that it is in. */
type OpenStream = () => { readonly stream: EventStream; readonly response: ServerResponse };

/** Tells browsers of topics, until they go away. */
export function createLive(topics: Readonly<Record<string, Topic>>): Live {
  return {
    follow(question, origin, open) {
      const early: [topic: string, json: string][] = [];
      const opened: { stream?: EventStream } = {};
      const looks = new Set((question['topics'] ?? '').split(','));
      const following: Look[] = [];
      const close = (): void => {
        for (const look of following) look.close();
      };
      try {
        for (const name of looks) {
          const topic = Object.hasOwn(topics, name) ? topics[name] : undefined;
          if (topic === undefined) continue;
          const tell = (json: string): void => {
            if (opened.stream === undefined) early.push([name, json]);
            else opened.stream.send(name, json);
          };
          const isReady = (): boolean => opened.stream?.isReady ?? true;
          following.push(topic({ tell, isReady, question, origin }));
        }
      } catch (error) {
        close();
        throw error;
      }
      const { stream, response } = open();
      opened.stream = stream;
      response.once('close', close);
      for (const [name, json] of early) stream.send(name, json);
    },
  };
}
