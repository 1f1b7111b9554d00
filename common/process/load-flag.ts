/** `--load=FILE` in front of all other arguments of an installed `hauberk`: a file of ours that it runs instead. */
export const LOAD_FLAG = '--load=';
