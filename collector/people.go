package collector

import "github.com/muster-itam/muster/collector/api"

// signInPage is where browsers without a session are sent; "" while there is no such page.
const signInPage = ""

// mountPeople adds what persons use: the inventory's API and the web pages. A page's
// policy goes into the table with env.Routes.Allow.
func mountPeople(env Env) error {
	env.Routes.Mount(api.PersonServices(api.NewInventory(env.Store, env.Auth.Forget, env.Log, env.Now)), nil)
	return nil
}
