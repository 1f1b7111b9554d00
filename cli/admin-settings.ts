import { setting, switchSetting } from '../common/config/settings.ts';
import { filePath, hostPort } from '../common/config/values.ts';

/** How a command reaches the control plane as an operator, and how it answers. */
export const ADMIN_SETTINGS = {
  controlPlane: setting(hostPort.default({ host: '127.0.0.1', port: 15_012 }), {
    description: 'where the control plane serves gRPC',
    placeholder: 'HOST:PORT',
    defaultText: '127.0.0.1:15012',
  }),
  admin: setting(filePath.default('./hauberk-data/admin.pem'), {
    description: 'the admin credential that the control plane made at its first start',
    placeholder: 'FILE',
  }),
  json: switchSetting({ description: 'print JSON (docs/json-output.md) instead of text' }),
};
