import { DEFAULT_CONTROL_PLANE } from '../../common/config/address.ts';
import { setting, severalSetting, switchSetting } from '../../common/config/settings.ts';
import { filePath, hostPort } from '../../common/config/values.ts';

/** How a command reaches the control plane as an operator, and how it answers. */
export const ADMIN_SETTINGS = {
  controlPlane: severalSetting(hostPort, DEFAULT_CONTROL_PLANE, {
    description: 'where the control planes serve gRPC: one of them that can be reached is asked',
    placeholder: 'HOST:PORT[,…]',
    defaultText: '127.0.0.1:15012',
  }),
  admin: setting(filePath.default('./hauberk-data/admin.pem'), {
    description: 'the admin credential that the control plane made at its first start',
    placeholder: 'FILE',
  }),
  json: switchSetting({ description: 'print JSON (docs/json-output.md) instead of text' }),
};
