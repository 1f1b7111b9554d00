import type * as Admin from '../../proto/gen/hauberk/v1/admin.ts';

/** Something that an operator may do, whichever way the operator has come in. */
export interface OperatorAction<Request, Response> {
  readonly action: (request: Request) => Promise<Response> | Response;
}

/**
 * What the dashboard does is what operators do by the commands, by the same functions: nothing that the command line
 * could not do, and no second way to do it.
 */
export interface OperatorActions {
  readonly listWorkloads: OperatorAction<Admin.ListWorkloadsRequest, Admin.ListWorkloadsResponse>;
  readonly listIdentities: OperatorAction<
    Admin.ListIdentitiesRequest,
    Admin.ListIdentitiesResponse
  >;
  readonly listCertificates: OperatorAction<
    Admin.ListCertificatesRequest,
    Admin.ListCertificatesResponse
  >;
  readonly verifyCertificates: OperatorAction<
    Admin.VerifyCertificatesRequest,
    Admin.VerifyCertificatesResponse
  >;
  readonly getAuthority: OperatorAction<Admin.GetAuthorityRequest, Admin.GetAuthorityResponse>;
  readonly listBundle: OperatorAction<Admin.ListBundleRequest, Admin.ListBundleResponse>;
  readonly listTokens: OperatorAction<Admin.ListTokensRequest, Admin.ListTokensResponse>;
  readonly revokeToken: OperatorAction<Admin.RevokeTokenRequest, Admin.RevokeTokenResponse>;
  readonly listRevocations: OperatorAction<
    Admin.ListRevocationsRequest,
    Admin.ListRevocationsResponse
  >;
  readonly revoke: OperatorAction<Admin.RevokeRequest, Admin.RevokeResponse>;
  readonly readmit: OperatorAction<Admin.ReadmitRequest, Admin.ReadmitResponse>;
  readonly listOperators: OperatorAction<Admin.ListOperatorsRequest, Admin.ListOperatorsResponse>;
  readonly getMeshConfig: OperatorAction<Admin.GetMeshConfigRequest, Admin.GetMeshConfigResponse>;
  readonly listMeshConfigs: OperatorAction<
    Admin.ListMeshConfigsRequest,
    Admin.ListMeshConfigsResponse
  >;
  readonly applyMeshConfig: OperatorAction<
    Admin.ApplyMeshConfigRequest,
    Admin.ApplyMeshConfigResponse
  >;
  readonly rollbackMeshConfig: OperatorAction<
    Admin.RollbackMeshConfigRequest,
    Admin.RollbackMeshConfigResponse
  >;
}
