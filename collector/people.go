package collector

import (
	"github.com/muster-itam/muster/collector/api"
	"github.com/muster-itam/muster/collector/identity"
	"github.com/muster-itam/muster/collector/query"
	"github.com/muster-itam/muster/collector/server"
	"github.com/muster-itam/muster/collector/web"
)

// signInPage is where browsers without a session are sent.
const signInPage = web.SignInPage

// mountPeople adds what persons use: the inventory's API and the web pages.
func mountPeople(env Env) error {
	env.Routes.Mount(api.PersonServices(api.NewInventory(env.Store, env.Vault, env.Auth.Forget, env.Log, env.Now)), nil)
	site, err := web.New(query.New(env.Store, env.Now), env.Store, env.Auth, env.Log, env.Now)
	if err != nil {
		return err
	}
	for _, r := range site.Routes() {
		policy := server.Page()
		if r.Open {
			policy = server.Open()
		}
		if r.Order {
			policy.Role = identity.Administrator
		}
		env.Routes.Allow(map[string]server.Policy{r.Pattern: policy})
		env.Routes.Handle(r.Pattern, r.Handler)
	}
	return nil
}
