// Installs the system packages that tests need and this machine lacks, as `npm run test:all` does by itself.
import { installMissingPackages } from './system-packages.ts';

const problem = installMissingPackages();
if (problem !== undefined) {
  console.error(problem);
  process.exitCode = 1;
}
