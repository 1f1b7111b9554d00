/** The image under test: not `hauberk`, which a developer may have made and be using. */
export const TEST_IMAGE = 'hauberk-test';

/** The same with tcpdump. */
export const TEST_VERIFY_IMAGE = `${TEST_IMAGE}-verify`;
